"""From observations to verdicts: records, joins, fan-outs and CEL checks. Pure: no I/O, no AWS."""
