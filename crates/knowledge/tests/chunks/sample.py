"""Sends messages."""

import queue

LIMIT = 100


class Mailbox:
    """Keeps messages until somebody takes them.

    A mailbox that is full refuses more of them, so that a reader that sleeps
    does not cost memory without end. Each message is kept as it was given.
    """

    size: int = 0

    def __init__(self, limit=LIMIT):
        self.messages = queue.Queue(limit)
        self.limit = limit
        self.refused = 0

    @property
    def full(self):
        """Whether the next message would be refused by this mailbox."""
        return self.messages.qsize() >= self.limit

    def put(self, message, *, wait=False):
        """Adds a message, and counts it as refused where there is no place.

        With `wait` the caller sleeps until there is one; this is for threads
        that have nothing better to do, and never for an event loop.
        """
        if self.full and not wait:
            self.refused += 1
            return False
        self.messages.put(message, block=wait)
        return True


async def deliver(mailbox, send):
    # One after the other, in order.
    while not mailbox.messages.empty():
        await send(mailbox.messages.get())
