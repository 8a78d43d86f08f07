"""Tests of the lab on a real engine of its own."""
