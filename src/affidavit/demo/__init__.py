"""The simulated estate: an emulated AWS on loopback; what is made from it is marked synthetic."""

from affidavit.demo.overlay.faults import Fault
from affidavit.demo.process import Prompted, Simulated, moment, start

__all__ = ["Fault", "Prompted", "Simulated", "moment", "start"]
