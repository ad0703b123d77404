"""The same sweep on many machines, by Ray: the driver plans, workers generate and judge, each writes a journal shard.

    driver   prepares the plan as always, holds the run's lock, hands out small chunks of what is missing (`driver`)
    worker   a Ray actor that holds one replica of a model: opens it, carries its chunks out with the sweep's own code,
             judges near the data and appends to a shard of its own on the shared path (`worker`)

Nothing is imported from Ray before a cluster is asked for.
"""
