"""The messages that the tests use are those of the real package on the wire."""

import pytest

# Of hri_msgs 2.3.2, as Jazzy and Lyrical have it; REP-2011 says what goes into a hash.
HRI_MSGS = {
    'Expression': 'RIHS01_411b88e0604397d44775d8ec6a4bc69398fb0dfbfe864c33a40fa99ee85f1b00',
    'FacialLandmarks': 'RIHS01_f1d6b0ba159f4d6be1632e5dfc9cb79ce5e35da73888da2a4789bd9b35112a63',
    'IdsList': 'RIHS01_7e0812d1ac945c98fd3e393568d581ad0ab567f37b24eff633eab778c1bfe62d',
    'NormalizedRegionOfInterest2D': (
        'RIHS01_2e50c93f1ca166ee77af9a5424dc951ae4e452b740162a7f83c082d917dcaff5'
    ),
}


@pytest.mark.parametrize('name', HRI_MSGS)
def test_hri_msgs_has_the_types_of_2_3_2(peer, messages, name):
    topic = f'/types/{name}'
    publisher = peer.node.create_publisher(getattr(messages('hri_msgs'), name), topic, 1)
    peer.spin_until(lambda: peer.node.get_publishers_info_by_topic(topic), 'the publisher')
    (info,) = peer.node.get_publishers_info_by_topic(topic)
    peer.node.destroy_publisher(publisher)
    assert str(info.topic_type_hash) == HRI_MSGS[name]
