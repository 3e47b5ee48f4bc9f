"""Response plans (应急预案) as versioned data: levels, triggers, roles, steps, notices, meeting.

突发事件应对法 art. 28, 71, 72; structure after GB/T 29639-2020. `plans.matching` is pure.
May import: directory, core. Must not import: sms, conf, command, signaling.
"""
