"""What people are told: live progress, and the figures of a finished run."""
