"""What an SROS2 policy allows, and what a running node uses, in the same words."""

from fnmatch import fnmatchcase
from pathlib import Path
from xml.etree import ElementTree

from ros_bench import Bench

from emotion_bringup import qos

POLICY = Path(__file__).parents[2] / 'config' / 'security' / 'policy.xml'
# Kind of use: how the policy says it, and how the graph is asked for it.
USES = {
    'publish': ('topics', 'get_publisher_names_and_types_by_node'),
    'subscribe': ('topics', 'get_subscriber_names_and_types_by_node'),
    'reply': ('services', 'get_service_names_and_types_by_node'),
    'request': ('services', 'get_client_names_and_types_by_node'),
}


def profiles(path=POLICY):
    """The profiles of a policy by the path of their enclave."""
    return {
        enclave.get('path'): enclave.find('profiles/profile')
        for enclave in ElementTree.parse(path).getroot().find('enclaves')
    }


def allowed(profile):
    """Full names by use: {'publish': {'/rosout', ...}, 'subscribe': ..., ...}."""
    result = {use: set() for use in USES}
    for group in profile:
        for use, verdict in group.items():
            assert verdict == 'ALLOW'
            result[use] |= {_full_name(profile, item.text) for item in group}
    return result


def used(node):
    """Full names that a node uses right now, as the ROS graph knows them."""
    return {
        use: {name for name, _ in getattr(node, query)(node.get_name(), node.get_namespace())}
        for use, (_, query) in USES.items()
    }


def together(graphs):
    """What several graphs use in all."""
    graphs = list(graphs)
    return {use: set().union(*(graph[use] for graph in graphs)) for use in USES}


def missing(allowance, use):
    """What is used and not allowed: such a node could not start, or would be deaf."""
    return {
        (kind, name)
        for kind, names in use.items()
        for name in names
        if not any(fnmatchcase(name, pattern) for pattern in allowance[kind])
    }


def idle(allowance, use):
    """What is allowed and not used: a needless opening."""
    return {
        (kind, pattern)
        for kind, patterns in allowance.items()
        for pattern in patterns
        if not any(fnmatchcase(name, pattern) for name in use[kind])
    }


def graph_of(node_class, arguments, watch=(), holds=lambda use: True):
    """What a node uses once `holds`, while somebody watches topics."""
    bench = Bench(node_class, [*arguments, '-p', 'use_sim_time:=true'])
    try:
        for message_type, topic in watch:
            bench.client.create_subscription(message_type, topic, print, qos.IMAGE_REPLAY)
        bench.spin_until(lambda: holds(used(bench.node)), 'the expected graph')
        return used(bench.node)
    finally:
        bench.close()


def listens_to(*topics):
    return lambda use: use['subscribe'] >= set(topics)


def assert_allows_exactly(name, use, but=frozenset()):
    allowance = allowed(profiles()[f'/emotion/{name}'])
    assert missing(allowance, use) == set()
    assert idle(allowance, use) - but == set()


def _full_name(profile, name):
    """As sros2 writes names into the DDS permissions."""
    namespace = profile.get('ns').rstrip('/') + '/'
    if name.startswith('/'):
        return name
    if name.startswith('~'):
        return f'{namespace}{profile.get("node")}{name[1:]}'
    return namespace + name
