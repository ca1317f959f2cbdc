"""One of two gloo processes: a tiny ViT, trained as a large one is."""

import json
import shutil
import sys
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import barrier, get_rank, is_main_process
from mmengine.registry import DefaultScope

from mmreidmix.compat import close_process_group, init_cpu_process_group
from mmreidmix.engine.build_runner import build_runner
from mmreidmix.engine.unwrap import bare_model, optimizer_state
from tests.tiny import tiny_config

OPTIONS = dict(lr=1e-3, weight_decay=0.05)


def config(toy: Path, large: bool) -> Config:
    """A clustering before each of three epochs of 4 iterations."""
    cfg = tiny_config(
        toy, train_cfg__val_interval=9, train_cfg__max_epochs=3,
        default_hooks__checkpoint__max_keep_ckpts=-1,
        train_dataloader__batch_size=8)
    del cfg.default_hooks['phases'], cfg.model['domain_head']
    cfg.model.update(type='ReIDBaseline', neck=[])
    cfg.model.backbone = dict(
        type='mmpretrain.VisionTransformer', img_size=(64, 32),
        patch_size=16, out_type='cls_token',
        arch=dict(embed_dims=32, num_layers=3, num_heads=2,
                  feedforward_channels=64))
    cfg.optim_wrapper = dict(
        type='Bf16OptimWrapper', optimizer=dict(type='AdamW', **OPTIONS))
    if large:
        cfg.activation_checkpointing = [
            f'backbone.layers.{layer}' for layer in range(3)]
        cfg.optim_wrapper.optimizer = dict(
            type='ShardedOptimizer', optimizer_type='AdamW', **OPTIONS)
    return cfg


def run(cfg: Config, work_dir: Path, resume: bool = False) -> dict:
    """Train; return what was kept and computed in this process."""
    cfg.work_dir, cfg.resume = str(work_dir), resume
    cfg.experiment_name = f'{work_dir.name}{resume}'
    runner = build_runner(cfg, 'pytorch')
    model, calls = bare_model(runner), []
    model.backbone.layers[1].attn.register_forward_hook(
        lambda *_: calls.append(model.training))
    runner.train()
    state = optimizer_state(runner.optim_wrapper)
    return dict(
        forward=sum(calls),
        kept=sum(each['exp_avg'].numel() for each in state.values()),
        twice=len(runner.optim_wrapper.optimizer.state))


def main(folder: Path, toy: Path) -> None:
    """Train plainly, as a large one, and resumed behind the first epoch."""
    DefaultScope.get_instance('mmreidmix', scope_name='mmreidmix')
    init_cpu_process_group('pytorch')
    found = dict(plain=run(config(toy, False), folder / 'plain'),
                 large=run(config(toy, True), folder / 'large'))
    part = folder / 'resumed'
    if is_main_process():
        part.mkdir()
        shutil.copy(folder / 'large' / 'epoch_1.pth', part)
        (part / 'last_checkpoint').write_text(str(part / 'epoch_1.pth'))
    barrier()
    found['resumed'] = run(config(toy, True), part, resume=True)
    (folder / f'{get_rank()}.json').write_text(json.dumps(found))
    close_process_group()


if __name__ == '__main__':
    main(*map(Path, sys.argv[1:]))
