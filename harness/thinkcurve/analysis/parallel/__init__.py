"""k samples at once: pass@k, votes, choice by a score, and the surface of budget and k."""
