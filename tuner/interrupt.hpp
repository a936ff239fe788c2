#pragma once

namespace convtune {

/// From here on SIGINT and SIGTERM only take note, so that a sweep can store what it has and end.
void note_interrupts();

/// The signal that asked to stop, or 0.
int interrupted();

/// From here on they end the process again.
void stop_noting_interrupts();

/// Waits for an interrupt, at most `seconds`.
void wait_for_interrupt(double seconds);

/// Blocks while `descriptor` has nothing to read, at most `seconds`; an interrupt ends the wait.
/// Returns whether there is something to read (or the other side is gone).
bool wait_readable(int descriptor, double seconds);

}  // namespace convtune
