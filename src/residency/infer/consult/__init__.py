"""Consultation: a simulated patient whose facts must be asked for, doctors that ask, and a panel of specialties."""
