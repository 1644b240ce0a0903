"""What outlives the program, and what tells others that it runs: each file with its format and its care."""
