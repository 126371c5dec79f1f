//! Real binaries, real peers, kill -9, lossy networks.
