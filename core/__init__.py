"""What every package stands on: settings, database, clock, errors, events, timers, audit, auth.

Knows no word of the domain (no incident, no modem, no room). May import nothing of the project.
"""
