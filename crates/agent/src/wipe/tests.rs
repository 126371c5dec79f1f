//! Killed at each step; what stays on the disk.
