"""The sandbox: a generated world with tasks, eight languages and small pretrained encoders."""
