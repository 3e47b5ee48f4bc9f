"""Emergency command: hazards, incidents, activations, tasks, call-outs, escalation, duty roster.

突发事件应对法 (2024), 国务院令493号, GB 18218-2018, ERG 2024; terms after ISO 22320.
May import: plans, directory, core. Reaches SMS and meetings through `command.ports` only.
`escalation`, `levels`, `grading`, `isolation`, `texts` and the state machines are pure.
"""
