"""Compare the behaviour of the installed version with its recorded ledger."""
