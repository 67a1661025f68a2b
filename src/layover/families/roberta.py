"""RoBERTa, XLM-R and CamemBERT: the layers of BERT; positions and heads as in fairseq.

Source: transformers, `models/roberta`; Liu et al. 2019, arXiv:1907.11692.
"""

from __future__ import annotations

from dataclasses import replace

from layover.families import bert

FAMILY = replace(
    bert.FAMILY,
    transformers={"camembert": "Camembert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta"},
    adapters={"roberta": "RobertaAdapterModel", "xlm-roberta": "XLMRobertaAdapterModel"},
    prefix="roberta",
    padding=1,
    first_position_after_padding=True,
    classifies_without_pooler=True,
)
