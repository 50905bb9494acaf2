"""LeRobot's mock robot, which lives in its tests and is not in its package: a state and actions, no hardware.

lerobot-rollout --robot.discover_packages_path=mock_robot --robot.type=imle_mock --robot.size=8 --robot.actions=2 …
"""

from dataclasses import dataclass

from lerobot.robots import Robot, RobotConfig


@RobotConfig.register_subclass("imle_mock")
@dataclass
class MockRobotConfig(RobotConfig):
    # Values of the observation and of the action.
    size: int = 8
    actions: int = 2


class MockRobot(Robot):
    """Its state follows its actions; `sent` has all of them."""

    config_class = MockRobotConfig
    name = "imle_mock"

    def __init__(self, config: MockRobotConfig):
        super().__init__(config)
        self.config, self.connected = config, False
        self.state = {f"value_{i}.pos": 0.0 for i in range(config.size)}
        self.sent: list[dict] = []

    @property
    def observation_features(self) -> dict:
        return dict.fromkeys(self.state, float)

    @property
    def action_features(self) -> dict:
        return {f"target_{i}.pos": float for i in range(self.config.actions)}

    @property
    def is_connected(self) -> bool:
        return self.connected

    @property
    def is_calibrated(self) -> bool:
        return True

    def connect(self, calibrate: bool = True) -> None:
        self.connected = True

    def calibrate(self) -> None: ...

    def configure(self) -> None: ...

    def get_observation(self) -> dict:
        return dict(self.state)

    def send_action(self, action: dict) -> dict:
        self.sent.append(dict(action))
        values = list(action.values())
        self.state.update(zip(self.state, values))
        return action

    def disconnect(self) -> None:
        self.connected = False
