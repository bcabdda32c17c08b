"""circle.py - the circles of a graph."""


def find(graph):
    """For each node that lies on a circle, the edges of a shortest one through it, each once.

    graph: {node: {next node: edge}}.
    """
    told = set()
    for start in sorted(graph):
        nodes = _shortest(graph, start)
        if nodes and frozenset(nodes) not in told:
            told.add(frozenset(nodes))
            yield [graph[node][after] for node, after in zip(nodes, nodes[1:] + nodes[:1])]


def _shortest(graph, start):
    """The nodes of a shortest circle, from the start on; None if the start lies on no circle."""
    came_from, ring = {}, [start]
    while ring:
        reached = []
        for node in ring:
            for after in sorted(graph.get(node, {})):
                if after == node:
                    continue
                if after == start:
                    way = [node]
                    while way[-1] != start:
                        way.append(came_from[way[-1]])
                    return way[::-1]
                if after not in came_from:
                    came_from[after] = node
                    reached.append(after)
        ring = reached
    return None
