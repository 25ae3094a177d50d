"""The day first, 24 hours, and the time zone at every time: staff and customers are seldom in the same one."""

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y, H:i T"
TIME_FORMAT = "H:i"
