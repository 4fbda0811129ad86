"""Runs engines that need an environment of their own, in a Python of that environment.

That Python executes this folder, and has neither this package nor what it depends on: nothing here
imports anything but the standard library, NumPy and the engine, and all of it runs in Python 3.8.
"""
