"""
Builds the distributions and tries them as a user would; the task ``wheels`` runs `__main__`.

- `building`: builds an sdist and a wheel in a copy of the tree, and checks their contents.
- `pythons`: finds the versions of Python on this machine, and makes bare environments.
- `smoke`: the program that an environment with the wheel runs; it imports nothing of the tests.
"""
