"""`python -m sms.simulator`."""

import sys

from sms.simulator.process import main

sys.exit(main())
