"""LEDGAR: what a provision of a contract is about, 100 labels; a task of LexGLUE."""

from __future__ import annotations

from layover.tasks import Task
from layover.tasks._lexglue import LANGUAGES, files, hub

LABELS = (
    "Adjustments", "Agreements", "Amendments", "Anti-Corruption Laws", "Applicable Laws", "Approvals",
    "Arbitration", "Assignments", "Assigns", "Authority", "Authorizations", "Base Salary", "Benefits",
    "Binding Effects", "Books", "Brokers", "Capitalization", "Change In Control", "Closings",
    "Compliance With Laws", "Confidentiality", "Consent To Jurisdiction", "Consents", "Construction", "Cooperation",
    "Costs", "Counterparts", "Death", "Defined Terms", "Definitions", "Disability", "Disclosures", "Duties",
    "Effective Dates", "Effectiveness", "Employment", "Enforceability", "Enforcements", "Entire Agreements",
    "Erisa", "Existence", "Expenses", "Fees", "Financial Statements", "Forfeitures", "Further Assurances",
    "General", "Governing Laws", "Headings", "Indemnifications", "Indemnity", "Insurances", "Integration",
    "Intellectual Property", "Interests", "Interpretations", "Jurisdictions", "Liens", "Litigations",
    "Miscellaneous", "Modifications", "No Conflicts", "No Defaults", "No Waivers", "Non-Disparagement", "Notices",
    "Organizations", "Participations", "Payments", "Positions", "Powers", "Publicity", "Qualifications", "Records",
    "Releases", "Remedies", "Representations", "Sales", "Sanctions", "Severability", "Solvency",
    "Specific Performance", "Submission To Jurisdiction", "Subsidiaries", "Successors", "Survival",
    "Tax Withholdings", "Taxes", "Terminations", "Terms", "Titles", "Transactions With Affiliates",
    "Use Of Proceeds", "Vacations", "Venues", "Vesting", "Waiver Of Jury Trials", "Waivers", "Warranties",
    "Withholdings",
)  # fmt: skip

TASK = Task(
    name="ledgar",
    kind="classification",
    summary="contract provisions, 100 labels, English",
    labels=LABELS,
    metrics=("accuracy", "macro_f1"),
    columns={"first": "text", "label": "label"},
    languages=LANGUAGES,
    hub=hub("ledgar"),
    files=files("ledgar", LABELS),
    counts={"train": 60_000, "validation": 10_000, "test": 10_000},
    licence="CC-BY-4.0 (LexGLUE)",
    citation="Tuggener, von Däniken, Peetz, Cieliebak 2020, LREC; task: LexGLUE, arXiv:2110.00976",
)
