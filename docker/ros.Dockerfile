# A workspace on ROS 2 Jazzy, built as README.md says. It has not been run: no machine of this project
# has had Docker and a ROS image. From the repository's root:
#   docker build -f docker/ros.Dockerfile -t emotion-ros .
#   docker run --rm --shm-size 512m --device /dev/video0 emotion-ros \
#     ros2 launch emotion_bringup live.launch.py
# Two containers that share topics: the same --network host and --ipc host, and the same user.
FROM ros:jazzy-ros-base

SHELL ["/bin/bash", "-c"]
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-venv python3-colcon-common-extensions \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /ws
COPY . src/emotion_bringup
RUN ln -s emotion_bringup/src/emotion_msgs src/ \
 && apt-get update \
 && rosdep update \
 && source /opt/ros/jazzy/setup.bash \
 && rosdep install --from-paths src --ignore-src --default-yes \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv --system-site-packages /opt/emotion \
 && /opt/emotion/bin/pip install --no-deps -r src/emotion_bringup/requirements/ros-machine.txt
RUN source /opt/ros/jazzy/setup.bash && source /opt/emotion/bin/activate \
 && python -m colcon build --symlink-install

RUN useradd --create-home robot
USER robot
RUN echo 'source /ws/install/setup.bash' >> /home/robot/.bashrc
ENTRYPOINT ["/bin/bash", "-c", "source /ws/install/setup.bash && exec \"$@\"", "--"]
CMD ["ros2", "launch", "emotion_bringup", "live.launch.py"]
