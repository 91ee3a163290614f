"""The token ledger: what an account may still spend, shared by every process and machine."""
