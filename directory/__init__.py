"""Units as a tree, people, phones (E.164), appointments and groups of one county.

Also the import from Excel and CSV. Outsiders use `model`, `service` and `importing.service`.
May import only core.
"""
