"""What the lab promises of itself, asserted on a real engine of its own."""
