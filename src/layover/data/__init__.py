"""Data: file formats, the tokenizer, encoded features, subsets."""
