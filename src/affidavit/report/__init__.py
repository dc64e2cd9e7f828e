"""Assessment reports: content, PDF, package, and the stand-alone verifier."""

from affidavit.report.package import Built, Request, build

__all__ = ["Built", "Request", "build"]
