"""tokenize: read one (task, split, language), cut it to its subset, encode it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from layover import kinds
from layover.data.subset import texts_of
from layover.data.synonyms import read_synonyms
from layover.data.tally import Tally
from layover.data.tokenizer import Tokenizer
from layover.errors import DataError, LayoverError, ModelError
from layover.identity import file_sha256
from layover.plan import Node, tokenizers
from layover.plan.why import MADE_FOR, made_for
from layover.specs import EncoderSpec
from layover.specs._spec import known
from layover.specs.tokenize import TokenizeSpec
from layover.steps.accounting import Account
from layover.steps.artifacts import EXAMPLES, FEATURES, META, PERTURBED, ROWS, write_lines
from layover.steps.context import Context
from layover.steps.input_lengths import input_lengths
from layover.store import Store, write_json
from layover.store.state import state_of


def run(node: Node[TokenizeSpec], folder: Path, context: Context) -> None:
    """Write the encoded examples of a node."""
    spec = node.spec
    task, kind = spec.task, kinds.get(spec.kind)
    before = [state_of(file) for place in spec.places for file in place.files()]
    tally = Tally()
    account = Account(spec, task.read(spec.location, tally), tally)
    examples = account.cut(_texts_to_leave_out(spec))
    for data in (spec.data, *spec.without):
        if data.at().identity(file_sha256) != data.identity:
            context.store.forget(data.at().files())
            raise DataError(f"{data.at().describe()}: the data have changed since the plan was made; run again")
    if before != [state_of(file) for place in spec.places for file in place.files()]:
        raise DataError(f"{spec.location.describe()}: the data change while they are read; run again when complete")
    if spec.augment is not None:
        examples = _copied(spec, account)
    if not examples:
        raise DataError(f"{spec.location.describe()}: no example is left ({spec.subset})")
    tokenizer = _tokenizer(spec.encoder, context.store)
    stride = 0 if spec.stride is None else spec.stride
    perturber = None if spec.perturbed is None else spec.perturbed.perturber()
    groups = None if perturber is None else [kind.group_of(example) for example in examples]
    if perturber is not None:
        examples = [kind.perturb(example, perturber) for example in examples]
    features = kind.encode(examples, tokenizer, labels=spec.labels, max_length=spec.max_length, stride=stride)
    features = replace(features, hidden_percent=spec.hidden_percent)
    features.save(folder / FEATURES)
    write_lines(folder / EXAMPLES, (kind.to_json(example) for example in examples))
    scored = spec.location.split != "train" or spec.subset.part == "held"
    lengths = input_lengths(features, examples, tokenizer, spec) if scored else [None] * len(examples)
    windows = kind.answer_windows(features, examples)
    write_lines(folder / ROWS, account.rows(lengths, windows, spec.max_length, groups))
    gold = sum(kind.has_gold(example) for example in examples)
    if spec.location.split == "train" and not gold:
        raise DataError(f"{spec.location.describe()}: none of {len(examples)} examples has gold; add labels")
    meta = {
        MADE_FOR: made_for(spec),
        "examples": len(examples),
        "gold": gold,
        "rows": features.rows,
        "tokens": int(features.lengths.sum()),
        "longest": int(features.lengths.max()),
        **account.meta(features),
        **({} if perturber is None else {PERTURBED: perturber.summary()}),
    }
    write_json(folder / META, meta)
    context.progress({"done": len(examples), "total": len(examples), "unit": "examples"})


def _copied(spec: TokenizeSpec, account: Account) -> list[Any]:
    """Return the copies of the examples with other words.

    Raises:
        DataError: the file of synonyms has changed since the plan was made.
    """
    augment = known(spec.augment, "synonyms")
    path = known(augment.path, "the file of synonyms")
    synonyms = read_synonyms(path)
    if file_sha256(path) != augment.synonyms:
        raise DataError(f"{path}: the synonyms have changed since the plan was made; run again")
    return account.copy(augment, synonyms)


def _texts_to_leave_out(spec: TokenizeSpec) -> set[bytes]:
    """Return the texts (premises, contexts) that are left out."""
    texts: set[bytes] = set()
    for data in spec.without:
        texts |= texts_of(spec.task.read(data.at()), kinds.get(data.at().kind))
    return texts


def _tokenizer(encoder: EncoderSpec, store: Store) -> Tokenizer:
    """Return the tokenizer of the plan; if it has changed, the next plan reads it again."""
    try:
        return tokenizers.load_planned(encoder.source, encoder.revision, encoder.tokenizer)
    except ModelError:
        if Path(encoder.source).is_dir():
            with suppress(LayoverError, OSError), store.remembered() as memory:
                tokenizers.forget(Path(encoder.source), memory)
        raise
