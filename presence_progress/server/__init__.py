"""The asyncio Socket.IO service. It never imports ``frappe``: it talks to Frappe over HTTP and
Redis.

``app`` puts it together; ``sessions`` is one socket's life, ``stock_events`` and ``room_events``
what it may say; ``access`` asks Frappe who somebody is and what they may read; ``bus`` hears Redis;
``fanout`` speaks to sockets; ``keeper`` renews and sweeps leases.
"""
