"""SMS through GSM modems: PDU codec, modem drivers, simulator, and the platform on top of them.

Standards: 3GPP TS 23.038 (alphabets), TS 23.040 (SMS), TS 27.005 (AT commands), TS 27.007.
May import: directory, core. Must not import: conf, plans, command, signaling.
`sms.pdu`, `sms.segments`, `sms.reassembly`, `sms.errors_cms`, `sms.carrier` are pure.
"""
