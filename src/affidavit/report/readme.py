"""The package's README.txt: what an auditor needs to know to verify it."""

import textwrap

from affidavit.report.content import Content

_TEXT = """\
ASSESSMENT REPORT: {assessment}
Tenant {tenant}, {period}
Report {report_id}, made {generated} by {tool}
{synthetic}{chosen}
WHAT IS HERE
  report.pdf          the report, to read first
  evidence.csv        {records}, one a row, for a spreadsheet
  evidence.jsonl      the same records whole, each with its inclusion proof
  runs.jsonl          the run records: what each run did and counted, under which
                      parameters
  period.csv          what each control was on each day: verdict, counts, gaps
  oscal.json          the same report as NIST OSCAL assessment results 1.1.3
  answers.jsonl       the digests of all that each run was judged from
  manual.csv          manual evidence: texts, and files with size and SHA-256, by whom
                      and when they were added{attachments}
  records.jsonl       changes, parameters and keys that were logged in between
  observations/       what AWS answered, one file for each question{observations}
  catalogue.json      controls and checks with their rules, as the last run used
                      them; its SHA-256 stands in the run record
  catalogues/         the same of earlier runs that used another version
  checkpoint.txt      the ledger's size and root, signed
  consistency.jsonl   proofs from earlier checkpoints to this one
  timestamp.tsr       outside time stamp of the checkpoint, only if there is one
  keys.txt            public keys, and the statements by which one followed another
  manifest.json       the digest of every file; manifest.dsse.json signs it

HOW TO VERIFY
  You need the operator's public key, given to you on another way than with this
  file. The key in keys.txt proves nothing: a forger would have put his there.
  The key's id is {key_id}.

  With Affidavit installed:
    affidavit verify REPORT.zip --key PUBLIC-KEY.pem
  With the single file affidavit-verify.pyz (Python 3.11 or newer, and its package
  "cryptography"):
    python affidavit-verify.pyz REPORT.zip --key PUBLIC-KEY.pem
  Exit codes: 0 verified, 1 not verified, 2 wrong use. Neither asks any server.

  With other tools: manifest.dsse.json is a DSSE envelope (Ed25519) around an
  in-toto statement with the SHA-256 of every file. checkpoint.txt is a C2SP
  signed note (tlog-checkpoint). A record's ledger entry is the SHA-256 of its
  canonical JSON (RFC 8785); its leaf hash is SHA-256(0x00, entry) and its proof
  leads to the checkpoint's root as in RFC 6962.

WHAT IS PROVED
  Nothing in this report was changed since it was logged; {complete} every
  record was made for a source of the catalogue in here, under the version of its
  check and with the parameters in force, from answers that its own run committed
  to, of the same account and of the time of that run.

WHAT IS NOT PROVED
  - That AWS answered so, and was asked all: the collector ran in the operator's
    hands.
  - When it was{stamp}.
  - What stands in leaves of the ledger before this report's first run, and in
    those that runs of other assessments claim: the verifier counts them.
  - That the operator keeps no second ledger: compare with an earlier report
    (--previous EARLIER.zip) or with a checkpoint kept elsewhere.
  - That the verdicts follow from the answers by these rules: affidavit verify
    --rejudge (full installation) recomputes them.
  - That report.pdf and this file say what the records say: their digests are in
    the signed manifest, their text is not compared. evidence.csv, period.csv and
    oscal.json are made again from the records and compared.
  - How the signing key is kept, and which program made this report.
  - That procedures are followed. The catalogue of controls is Affidavit's own and
    not AWS's text. Evidence in this report does not prove compliance.
"""
_COMPLETE = (
    "no record and no run of\n"
    "  the period was left out; each control's verdict follows from its records;"
)
_CHOSEN = (
    "no run of the period\n"
    "  was left out; the records are exactly those that the ledger says were chosen,\n"
    "  and the run records count what was not, by control and verdict; verdicts of\n"
    "  controls are those of all their evidence;"
)
_MODES = {
    "cited": "",
    "pointers": "\n                      (only the parts that the records point to)",
    "none": "\n                      (left out: only their digests stand in the records)",
}
_FILES = {
    "digests": "",
    "included": "\n  manual/             the files themselves, named by their SHA-256",
}
_SYNTHETIC = (
    "SYNTHETIC: at least one answer came from an endpoint that is not AWS. "
    "This report says nothing about a real account."
)


def _of_choice(content: Content) -> str:
    """Return how the evidence was chosen, where it was."""
    if not content.choice:
        return ""
    said = (
        f"CHOSEN EVIDENCE ONLY: {content.completeness.evidence} of the period's "
        f"{content.population} records. "
    ) + "; ".join(f"{name}: {value}" for name, value in content.choice)
    return "\n" + "\n".join(textwrap.wrap(said, 78)) + "\n"


def _of_deleted(content: Content) -> str:
    """Return which evidence was deleted, where some was."""
    acts = [f"{what}, {when}: {why}" for what, when, why in content.completeness.deleted]
    if not acts:
        return ""
    said = "except what was deleted, as the ledger says: " + "; ".join(acts) + ";"
    return "\n" + textwrap.indent("\n".join(textwrap.wrap(said, 76)), "  ")


def readme(content: Content, observations: str, attachments: str) -> bytes:
    """Return README.txt."""
    synthetic = "\n".join(["", *textwrap.wrap(_SYNTHETIC, 78), ""]) if content.synthetic else ""
    stamped = ": check the certificate in timestamp.tsr" if content.stamped else ": no time stamp"
    return _TEXT.format(
        assessment=content.assessment,
        tenant=content.tenant,
        period=" to ".join(dict.fromkeys(content.period)),
        report_id=content.report_id,
        generated=content.generated,
        tool=content.tool,
        synthetic=synthetic,
        observations=_MODES[observations],
        attachments=_FILES[attachments],
        records="the chosen evidence records" if content.choice else "every evidence record",
        complete=(_CHOSEN if content.choice else _COMPLETE) + _of_deleted(content),
        chosen=_of_choice(content),
        key_id=content.key_id,
        stamp=stamped,
    ).encode()
