"""policycheck: a written policy as machine-checkable controls, run over evidence, reported as gaps."""
