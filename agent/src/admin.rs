//! Health, metrics and the switch, on a loopback port.
