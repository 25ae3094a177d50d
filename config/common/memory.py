"""What the garbage collector looks at in processes that stay."""

import gc


def settle() -> None:
    """Leave out of all later rounds what is loaded by now, which stays for as long as the process does.

    A round over a whole loaded project stops every thread for a tenth of a second, and comes as often as much is made.
    Called once, when a process has started and before its work begins.
    """
    gc.collect()
    gc.freeze()
