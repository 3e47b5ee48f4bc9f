"""SMPP 3.4 (SMPP Developers Forum, issue 1.2): a carrier's line as one more driver of the pool.

`pdu` and `receipts` are pure; `driver` holds the TCP session. Imports `sms.pdu` and `sms.driver`.
"""
