"""Who may do what where: roles × permissions × unit subtree, sessions, passwords, second factor.

Argon2id (RFC 9106), TOTP (RFC 6238). Knows units only as paths. May import only core.
"""
