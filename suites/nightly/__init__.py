"""The nightly on hosted runners: its matrix, the result of each cell, and the one issue while it is red."""
