"""Submissions: checked, listed, held against the leaderboard."""
