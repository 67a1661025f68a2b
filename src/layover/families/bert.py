"""BERT. Source: transformers, `models/bert`; Devlin et al. 2019, arXiv:1810.04805."""

from __future__ import annotations

from layover.families._base import Family

FAMILY = Family(
    transformers={"bert": "Bert"},
    adapters={"bert": "BertAdapterModel"},
    prefix="bert",
    layers="encoder.layer",
    embeddings="embeddings",
    linears={
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "attention_output": "attention.output.dense",
        "intermediate": "intermediate.dense",
        "output": "output.dense",
    },
    inner="intermediate",
    sublayers={"attention": "attention.output", "feedforward": "output"},
    padding=0,
    first_position_after_padding=False,
    classifies_without_pooler=False,
)
