//! The demonstration: three services, three proxies, one collector, one waterfall.
