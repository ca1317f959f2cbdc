"""What a result says of where it comes from."""

from mmreidmix.results.checkpoint_selection import same_data
from mmreidmix.results.provenance import method_hash


def test_the_folder_of_a_domain_is_data_root_or_path(tmp_path):
    """A config hash does not tell where data are; equal folders are equal."""
    (tmp_path / 'link').symlink_to(tmp_path)
    configs = [dict(type='Domain', path='x'), dict(type='Domain', path='y'),
               dict(type='Domain', data_root=str(tmp_path)),
               dict(type='Domain', path=str(tmp_path / 'link'))]
    hashes = {method_hash(dict(train_dataloader=dict(dataset=cfg)))
              for cfg in configs}
    assert len(hashes) == 1
    assert same_data(configs[2], configs[3])
    assert not same_data(configs[0], configs[1])
    assert not same_data(dict(type='Domain'), dict(type='Domain'))
