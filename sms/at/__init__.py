"""Our asyncio AT driver: one reader that cannot lose a line, one lock for a whole AT+CMGS.

Pure and sans-I/O: `lines`, `classify`, `dialogue`, `answers`. I/O: `port`, `setup`, `driver`.
"""
