"""The demo: a small site that answers Frappe's own HTTP contract, with one worker and one Redis,
started by one command.

It exists so that the realtime server, the jobs and the pages run exactly the code that they run in
a bench. Nothing outside this package may import it, and it holds no feature of its own.
"""
