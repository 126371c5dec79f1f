//! What the hub decides: lifecycle, phase, rollout planner, adoption.
