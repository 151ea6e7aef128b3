(** T07: random weights. *)
From Coq Require Import Reals Lra Lia List FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From Gradchain Require Import Definitions Tools Sigmoid Vector Pieces.
Open Scope R_scope.

Section Mean.
Variable Omega : Type.
Variable E : expectation Omega.

Lemma mean_ext : forall f g, (forall o, f o = g o) -> integrable E f -> mean E f = mean E g.
Proof.
  intros f g H If. assert (Ig := integrable_ext _ E f g H If).
  apply Rle_antisym; apply mean_le; auto; intros o; rewrite H; lra.
Qed.

Lemma mean_sum : forall n (f : nat -> Omega -> R),
  (forall i, (i < n)%nat -> integrable E (f i)) ->
  integrable E (fun o => sum (fun i => f i o) n) /\
  mean E (fun o => sum (fun i => f i o) n) = sum (fun i => mean E (f i)) n.
Proof.
  intros n f H; induction n as [|n IH]; simpl.
  - split; [apply integrable_const|apply mean_const].
  - destruct IH as [I M]; [intros; apply H; lia|]. split.
    + apply integrable_plus; [exact I|apply H; lia].
    + rewrite mean_plus, M; [reflexivity|exact I|apply H; lia].
Qed.

(** ** Half of a symmetric variable *)

Lemma leaky_square : forall a x,
  leaky_relu a x * leaky_relu a x + leaky_relu a (- x) * leaky_relu a (- x)
    = (1 + a * a) * (x * x).
Proof.
  intros a x. destruct (Rle_dec 0 x).
  - rewrite (leaky_pos a x), (leaky_neg a (- x)) by lra. ring.
  - rewrite (leaky_neg a x), (leaky_pos a (- x)) by lra. ring.
Qed.

Lemma leaky_moment : forall a z, symmetric E z ->
  integrable E (fun o => leaky_relu a (z o) * leaky_relu a (z o)) ->
  mean E (fun o => leaky_relu a (z o) * leaky_relu a (z o))
    = (1 + a * a) / 2 * mean E (fun o => z o * z o).
Proof.
  intros a z S I.
  destruct (S (fun x => leaky_relu a x * leaky_relu a x) I) as [I' M].
  assert (J := integrable_plus _ E _ _ I I').
  assert (P := mean_plus _ E _ _ I I'). rewrite M in P.
  assert (N : 0 < 1 + a * a) by nra.
  assert (K : integrable E (fun o => z o * z o)).
  { apply integrable_ext with (f := fun o => / (1 + a * a) *
      (leaky_relu a (z o) * leaky_relu a (z o) + leaky_relu a (- z o) * leaky_relu a (- z o))).
    - intros o; rewrite leaky_square. field; lra.
    - apply integrable_scal; exact J. }
  rewrite (mean_ext _ (fun o => (1 + a * a) * (z o * z o))) in P;
    [|intros o; apply leaky_square|exact J].
  rewrite mean_scal in P by exact K. lra.
Qed.

Lemma relu_moment : forall z, symmetric E z -> integrable E (fun o => relu (z o) * relu (z o)) ->
  mean E (fun o => relu (z o) * relu (z o)) = 1 / 2 * mean E (fun o => z o * z o).
Proof.
  intros z S I.
  assert (X : forall o, relu (z o) * relu (z o) = leaky_relu 0 (z o) * leaky_relu 0 (z o))
    by (intros o; rewrite relu_leaky; reflexivity).
  rewrite (mean_ext _ _ X I), leaky_moment.
  - f_equal. lra.
  - exact S.
  - apply integrable_ext with (2 := I); exact X.
Qed.

(** ** One row of fresh weights *)

Lemma square_of_sum : forall (a : nat -> R) n,
  sum a n * sum a n = sum (fun j => sum (fun k => a j * a k) n) n.
Proof.
  intros a n. rewrite <- sum_scal_r. apply sum_ext; intros j _. rewrite <- sum_scal.
  reflexivity.
Qed.

Lemma row_moment : forall n (w u : nat -> Omega -> R) s,
  (forall j k, (j < n)%nat -> (k < n)%nat ->
     integrable E (fun o => w j o * w k o * (u j o * u k o)) /\
     mean E (fun o => w j o * w k o * (u j o * u k o))
       = (if Nat.eqb j k then s else 0) * mean E (fun o => u j o * u k o)) ->
  integrable E (fun o => sum (fun j => w j o * u j o) n * sum (fun j => w j o * u j o) n) /\
  mean E (fun o => sum (fun j => w j o * u j o) n * sum (fun j => w j o * u j o) n)
    = s * sum (fun j => mean E (fun o => u j o * u j o)) n.
Proof.
  intros n w u s H.
  assert (X : forall o,
    sum (fun j => sum (fun k => w j o * w k o * (u j o * u k o)) n) n
    = sum (fun j => w j o * u j o) n * sum (fun j => w j o * u j o) n).
  { intros o. rewrite square_of_sum. apply sum_ext; intros; apply sum_ext; intros; ring. }
  assert (A : forall j, (j < n)%nat ->
    integrable E (fun o => sum (fun k => w j o * w k o * (u j o * u k o)) n) /\
    mean E (fun o => sum (fun k => w j o * w k o * (u j o * u k o)) n)
      = s * mean E (fun o => u j o * u j o)).
  { intros j Hj.
    destruct (mean_sum n (fun k o => w j o * w k o * (u j o * u k o))) as [I M].
    - intros k Hk; apply H; assumption.
    - split; [exact I|]. rewrite M.
      rewrite (sum_ext _ (fun k => (if Nat.eqb j k then 1 else 0)
                                   * (s * mean E (fun o => u j o * u k o)))).
      + apply (sum_delta (fun k => s * mean E (fun o => u j o * u k o)) n j Hj).
      + intros k Hk. rewrite (proj2 (H j k Hj Hk)). destruct (Nat.eqb j k); ring. }
  destruct (mean_sum n (fun j o => sum (fun k => w j o * w k o * (u j o * u k o)) n)) as [I M].
  - intros j Hj; apply A; assumption.
  - split.
    + apply integrable_ext with (2 := I); exact X.
    + rewrite <- (mean_ext _ _ X I), M, <- sum_scal.
      apply sum_ext; intros j Hj. apply A; assumption.
Qed.

(** He: ReLU and variance 2/n keep the second moment of the preactivation. *)
Lemma he_moment : forall n (w z : nat -> Omega -> R), (0 < n)%nat ->
  (forall j, (j < n)%nat -> symmetric E (z j)) ->
  (forall j, (j < n)%nat -> integrable E (fun o => relu (z j o) * relu (z j o))) ->
  (forall j k, (j < n)%nat -> (k < n)%nat ->
     integrable E (fun o => w j o * w k o * (relu (z j o) * relu (z k o))) /\
     mean E (fun o => w j o * w k o * (relu (z j o) * relu (z k o)))
       = (if Nat.eqb j k then 2 / INR n else 0)
         * mean E (fun o => relu (z j o) * relu (z k o))) ->
  mean E (fun o => sum (fun j => w j o * relu (z j o)) n * sum (fun j => w j o * relu (z j o)) n)
    = sum (fun j => mean E (fun o => z j o * z j o)) n / INR n.
Proof.
  intros n w z Hn S I H.
  destruct (row_moment n w (fun j o => relu (z j o)) (2 / INR n) H) as [_ M]. rewrite M.
  assert (0 < INR n) by (apply lt_0_INR; assumption).
  rewrite (sum_ext _ (fun j => 1 / 2 * mean E (fun o => z j o * z j o))).
  - rewrite sum_scal. field; lra.
  - intros j Hj. apply relu_moment; auto.
Qed.

(** ** The root mean square of a chain of random layers *)

Lemma jacobian_determined : forall phi dphi d (W W' : nat -> matrix) (b b' : nat -> vector) n x v,
  (forall m, (m < n)%nat -> W m = W' m /\ b m = b' m) ->
  (forall i, network phi d W b n x i = network phi d W' b' n x i) /\
  (forall i, jacobian_vector phi dphi d W b n x v i = jacobian_vector phi dphi d W' b' n x v i).
Proof.
  intros phi dphi d W W' b b' n x v H; induction n as [|n IH]; [split; reflexivity|].
  destruct IH as [I J]; [intros; apply H; lia|].
  destruct (H n ltac:(lia)) as [HW Hb].
  assert (A : forall i, affine d W b n (network phi d W b n x) i
                        = affine d W' b' n (network phi d W' b' n x) i).
  { intros i. unfold affine, times. rewrite HW, Hb. f_equal. apply sum_ext; intros j _.
    rewrite I; reflexivity. }
  split; intros i; cbn [network jacobian_vector]; rewrite A; [reflexivity|].
  f_equal. unfold times. rewrite HW. apply sum_ext; intros j _. rewrite J; reflexivity.
Qed.

Variable phi dphi : R -> R.
Variable d : nat -> nat.
Variable W : nat -> Omega -> matrix.
Variable b : nat -> Omega -> vector.
Variable s : nat -> R.
Variable L : R.
Variable x v : vector.

Definition pushed k o := jacobian_vector phi dphi d (fun m => W m o) (fun m => b m o) k x v.

Lemma rms_chain : 
  (forall z, Rabs (dphi z) <= L) -> (forall k, 0 <= s k) ->
  (forall k, fresh E d W b k (s k)) ->
  (forall k i j, integrable E (fun o => pushed k o i * pushed k o j)) ->
  forall n, mean E (fun o => dot (d n) (pushed n o) (pushed n o))
    <= prod (fun k => L ^ 2 * (s k * INR (d (S k)))) n * dot (d O) v v.
Proof.
  intros HL Hs HF HI n; induction n as [|n IH].
  - simpl prod. rewrite Rmult_1_l. unfold pushed; simpl. rewrite mean_const. lra.
  - assert (T : forall i, (i < d (S n))%nat ->
      integrable E (fun o => times (d n) (W n o) (pushed n o) i * times (d n) (W n o) (pushed n o) i)
      /\ mean E (fun o => times (d n) (W n o) (pushed n o) i * times (d n) (W n o) (pushed n o) i)
         = s n * sum (fun j => mean E (fun o => pushed n o j * pushed n o j)) (d n)).
    { intros i Hi.
      apply (row_moment (d n) (fun j o => W n o i j) (fun j o => pushed n o j)).
      intros j k Hj Hk. apply HF; auto.
      intros o o' Ho.
      assert (D := jacobian_determined phi dphi d (fun m => W m o) (fun m => W m o')
                     (fun m => b m o) (fun m => b m o') n x v Ho).
      unfold pushed. rewrite !(proj2 D). reflexivity. }
    destruct (mean_sum (d (S n)) (fun i o => times (d n) (W n o) (pushed n o) i
                                   * times (d n) (W n o) (pushed n o) i)) as [I2 M2];
      [intros; apply T; assumption|].
    destruct (mean_sum (d (S n)) (fun i o => pushed (S n) o i * pushed (S n) o i)) as [I1 _];
      [intros; apply HI|].
    destruct (mean_sum (d n) (fun i o => pushed n o i * pushed n o i)) as [_ M0];
      [intros; apply HI|].
    unfold dot in *. rewrite M0 in IH. cbn [prod].
    apply Rle_trans with (L ^ 2 * (s n * INR (d (S n))
      * sum (fun j => mean E (fun o => pushed n o j * pushed n o j)) (d n))).
    + apply Rle_trans with (mean E (fun o => L ^ 2 * sum (fun i =>
        times (d n) (W n o) (pushed n o) i * times (d n) (W n o) (pushed n o) i) (d (S n)))).
      * apply mean_le; [exact I1|apply integrable_scal; exact I2|].
        intros o. rewrite <- sum_scal. apply sum_le; intros i _.
        unfold pushed at 1 2. cbn [jacobian_vector]. fold (pushed n o).
        set (p := dphi _). set (t := times _ _ _ _).
        assert (p * p <= L ^ 2).
        { assert (H := HL (affine d (fun m => W m o) (fun m => b m o) n
            (network phi d (fun m => W m o) (fun m => b m o) n x) i)). fold p in H.
          rewrite (abs_square p). assert (A := Rabs_pos p). simpl; nra. }
        assert (0 <= t * t) by nra. nra.
      * rewrite mean_scal, M2 by exact I2.
        apply Rmult_le_compat_l; [apply pow2_ge_0|].
        rewrite (sum_ext _ (fun _ => s n
          * sum (fun j => mean E (fun o => pushed n o j * pushed n o j)) (d n))).
        -- rewrite sum_const. apply Req_le; ring.
        -- intros i Hi; apply T; assumption.
    + set (C := sum (fun j => mean E (fun o => pushed n o j * pushed n o j)) (d n)) in *.
      assert (0 <= L ^ 2 * (s n * INR (d (S n)))).
      { apply Rmult_le_pos; [apply pow2_ge_0|apply Rmult_le_pos; [apply Hs|apply pos_INR]]. }
      replace (L ^ 2 * (s n * INR (d (S n)) * C)) with (L ^ 2 * (s n * INR (d (S n))) * C) by ring.
      eapply Rle_trans; [apply Rmult_le_compat_l; [assumption|exact IH]|].
      apply Req_le; ring.
Qed.
End Mean.

(** ** Finitely many values: nothing left to assume *)

Lemma weighted_ext : forall law F G, (forall M, F M = G M) -> weighted law F = weighted law G.
Proof. intros law F G H; induction law as [|p l IH]; simpl; [reflexivity|]. rewrite H, IH; auto. Qed.

Lemma weighted_plus : forall law F G,
  weighted law (fun M => F M + G M) = weighted law F + weighted law G.
Proof. intros law F G; induction law as [|p l IH]; simpl; [ring|]. rewrite IH; ring. Qed.

Lemma weighted_scal : forall law c F, weighted law (fun M => c * F M) = c * weighted law F.
Proof. intros law c F; induction law as [|p l IH]; simpl; [ring|]. rewrite IH; ring. Qed.

Lemma weighted_sum : forall law n (F : nat -> matrix -> R),
  weighted law (fun M => sum (fun i => F i M) n) = sum (fun i => weighted law (F i)) n.
Proof.
  intros law n F; induction n as [|n IH]; simpl.
  - rewrite (weighted_ext law _ (fun _ => 0 * 0)) by (intros; ring).
    rewrite weighted_scal; ring.
  - rewrite weighted_plus, IH; reflexivity.
Qed.

Lemma weighted_le : forall law F G, (forall p, In p law -> 0 <= fst p) ->
  (forall M, F M <= G M) -> weighted law F <= weighted law G.
Proof.
  intros law F G Hp H; induction law as [|p l IH]; simpl; [lra|].
  assert (0 <= fst p) by (apply Hp; left; reflexivity).
  assert (weighted l F <= weighted l G) by (apply IH; intros; apply Hp; right; assumption).
  assert (fst p * F (snd p) <= fst p * G (snd p)) by (apply Rmult_le_compat_l; auto).
  lra.
Qed.

Lemma over_le : forall law n (F G : (nat -> matrix) -> R),
  (forall k p, (k < n)%nat -> In p (law k) -> 0 <= fst p) ->
  (forall W, F W <= G W) -> over_layers law n F <= over_layers law n G.
Proof.
  intros law n; induction n as [|n IH]; intros F G Hp H; simpl; [apply H|].
  refine (IH _ _ _ _).
  - intros k p Hk Hin. apply (Hp k p); [lia|exact Hin].
  - intros W. apply weighted_le; [intros p Hin; apply (Hp n p); [lia|exact Hin]|].
    intros M; apply H.
Qed.

Lemma over_scal : forall law n c F,
  over_layers law n (fun W => c * F W) = c * over_layers law n F.
Proof.
  intros law n; induction n as [|n IH]; intros c F; simpl; [reflexivity|].
  rewrite <- IH. f_equal. apply functional_extensionality; intros W.
  apply weighted_scal.
Qed.

Lemma row_weighted : forall law m n s (u : vector) i, centred law m n s -> (i < m)%nat ->
  weighted law (fun M => times n M u i * times n M u i) = s * dot n u u.
Proof.
  intros law m n s u i [_ [_ H]] Hi. unfold times.
  rewrite (weighted_ext law _ (fun M => sum (fun j => sum (fun k =>
    u j * u k * (M i j * M i k)) n) n)).
  - rewrite weighted_sum. unfold dot. rewrite <- sum_scal. apply sum_ext; intros j Hj.
    rewrite weighted_sum.
    rewrite (sum_ext _ (fun k => (if Nat.eqb j k then 1 else 0) * (s * (u j * u k)))).
    + apply (sum_delta (fun k => s * (u j * u k)) n j Hj).
    + intros k Hk. rewrite weighted_scal, H by assumption. destruct (Nat.eqb j k); ring.
  - intros M. rewrite square_of_sum. apply sum_ext; intros; apply sum_ext; intros; ring.
Qed.

Lemma rms_chain_finite : forall phi dphi d law b s L x v,
  (forall z, Rabs (dphi z) <= L) -> (forall k, 0 <= s k) ->
  (forall k, centred (law k) (d (S k)) (d k) (s k)) ->
  forall n,
  over_layers law n (fun W => dot (d n) (jacobian_vector phi dphi d W b n x v)
                                        (jacobian_vector phi dphi d W b n x v))
    <= prod (fun k => L ^ 2 * (s k * INR (d (S k)))) n * dot (d O) v v.
Proof.
  intros phi dphi d law b s L x v HL Hs HC n; induction n as [|n IH]; [simpl; lra|].
  cbn [prod over_layers].
  set (c := L ^ 2 * (s n * INR (d (S n)))).
  apply Rle_trans with (over_layers law n (fun W =>
    c * dot (d n) (jacobian_vector phi dphi d W b n x v) (jacobian_vector phi dphi d W b n x v))).
  - apply over_le; [intros k p _ Hp; destruct (HC k) as [A _]; apply A; assumption|].
    intros W. set (u := jacobian_vector phi dphi d W b n x v).
    apply Rle_trans with (weighted (law n) (fun M =>
      L ^ 2 * sum (fun i => times (d n) M u i * times (d n) M u i) (d (S n)))).
    + apply weighted_le; [destruct (HC n) as [A _]; exact A|]. intros M.
      unfold dot. rewrite <- sum_scal. apply sum_le; intros i _.
      set (W' := fun l => if Nat.eqb l n then M else W l).
      assert (D := jacobian_determined phi dphi d W' W b b n x v).
      destruct D as [_ D].
      { intros m Hm; split; [|reflexivity]. unfold W'.
        replace (Nat.eqb m n) with false; [reflexivity|].
        symmetry; apply PeanoNat.Nat.eqb_neq; lia. }
      cbn [jacobian_vector].
      assert (T : times (d n) (W' n) (jacobian_vector phi dphi d W' b n x v) i = times (d n) M u i).
      { unfold times, W' at 1. rewrite PeanoNat.Nat.eqb_refl.
        apply sum_ext; intros j _. rewrite D; reflexivity. }
      rewrite T. set (p := dphi _). set (t := times _ _ _ _).
      assert (p * p <= L ^ 2).
      { assert (H : Rabs p <= L) by apply HL.
        rewrite (abs_square p). assert (A := Rabs_pos p). simpl; nra. }
      assert (0 <= t * t) by nra. nra.
    + rewrite weighted_scal, weighted_sum.
      rewrite (sum_ext _ (fun _ => s n * dot (d n) u u))
        by (intros i Hi; apply row_weighted with (m := d (S n)); auto).
      rewrite sum_const. unfold c. apply Req_le; ring.
  - rewrite over_scal.
    replace (prod (fun k => L ^ 2 * (s k * INR (d (S k)))) n * c * dot (d O) v v)
      with (c * (prod (fun k => L ^ 2 * (s k * INR (d (S k)))) n * dot (d O) v v)) by ring.
    apply Rmult_le_compat_l; [|exact IH]. unfold c.
    apply Rmult_le_pos; [apply pow2_ge_0|apply Rmult_le_pos; [apply Hs|apply pos_INR]].
Qed.

(** ** Glorot *)

Lemma glorot_identity : forall m n : R, 0 < m -> 0 < n ->
  m * (2 / (m + n)) + n * (2 / (m + n)) = 2 /\
  (m * (2 / (m + n)) = 1 <-> m = n) /\ (n * (2 / (m + n)) = 1 <-> m = n) /\
  m * (2 / (m + n)) * (n * (2 / (m + n))) <= 1.
Proof.
  intros m n Hm Hn. repeat split.
  - field; lra.
  - intros H. apply (f_equal (fun t => t * (m + n))) in H.
    replace (m * (2 / (m + n)) * (m + n)) with (2 * m) in H by (field; lra). lra.
  - intros ->. field; lra.
  - intros H. apply (f_equal (fun t => t * (m + n))) in H.
    replace (n * (2 / (m + n)) * (m + n)) with (2 * n) in H by (field; lra). lra.
  - intros ->. field; lra.
  - apply Rmult_le_reg_r with ((m + n) * (m + n)); [apply Rmult_lt_0_compat; lra|].
    replace (m * (2 / (m + n)) * (n * (2 / (m + n))) * ((m + n) * (m + n)))
      with (4 * (m * n)) by (field; lra).
    assert (0 <= (m - n) * (m - n)) by apply Rle_0_sqr. lra.
Qed.

(** Square layers, variance 1/n, sigmoid: 1/16 a layer, in the mean square. *)
Lemma sigmoid_rms : forall Omega (E : expectation Omega) m
    (W : nat -> Omega -> matrix) (b : nat -> Omega -> vector) x v, (0 < m)%nat ->
  (forall k, fresh E (fun _ => m) W b k (1 / INR m)) ->
  (forall k i j, integrable E (fun o =>
     pushed Omega sigmoid (Derive sigmoid) (fun _ => m) W b x v k o i
     * pushed Omega sigmoid (Derive sigmoid) (fun _ => m) W b x v k o j)) ->
  forall n, mean E (fun o =>
    dot m (pushed Omega sigmoid (Derive sigmoid) (fun _ => m) W b x v n o)
          (pushed Omega sigmoid (Derive sigmoid) (fun _ => m) W b x v n o))
    <= (1 / 16) ^ n * dot m v v.
Proof.
  intros Omega E m W b x v Hm HF HI n.
  assert (P : 0 < INR m) by (apply lt_0_INR; assumption).
  assert (Q : 0 < / INR m) by (apply Rinv_0_lt_compat; assumption).
  assert (H := rms_chain Omega E sigmoid (Derive sigmoid) (fun _ => m) W b (fun _ => 1 / INR m)
                 (1 / 4) x v). cbv beta in H.
  eapply Rle_trans; [apply H|].
  - intros z. assert (S := sigmoid_slope z). rewrite Rabs_pos_eq; lra.
  - intros _. lra.
  - exact HF.
  - exact HI.
  - apply Req_le. f_equal. rewrite <- (prod_const (1 / 16) n). apply prod_ext; intros k _.
    field; lra.
Qed.

(** ... though a single draw can be longer: all entries 1/sqrt 2 (variance 1/2 = 1/n). *)
Lemma norm_can_exceed :
  exists M : matrix, (forall i j, M i j * M i j = 1 / 2) /\
  forall omega, operator_bound 2 2 M omega -> sqrt 2 <= omega.
Proof.
  exists (fun _ _ => / sqrt 2). assert (P : 0 < sqrt 2) by (apply sqrt_lt_R0; lra).
  assert (S : sqrt 2 * sqrt 2 = 2) by (apply sqrt_sqrt; lra). split.
  - intros _ _. apply Rmult_eq_reg_r with (sqrt 2 * sqrt 2); [|lra].
    replace (/ sqrt 2 * / sqrt 2 * (sqrt 2 * sqrt 2)) with 1 by (field; lra). lra.
  - intros omega H. specialize (H (fun _ => 1)).
    unfold norm2, dot, times in H. simpl in H.
    replace (0 + (0 + / sqrt 2 * 1 + / sqrt 2 * 1) * (0 + / sqrt 2 * 1 + / sqrt 2 * 1)
      + (0 + / sqrt 2 * 1 + / sqrt 2 * 1) * (0 + / sqrt 2 * 1 + / sqrt 2 * 1))
      with (2 * 2) in H.
    + rewrite sqrt_square in H by lra.
      replace (0 + 1 * 1 + 1 * 1) with 2 in H by ring. nra.
    + replace (0 + / sqrt 2 * 1 + / sqrt 2 * 1) with (sqrt 2 * (2 * / (sqrt 2 * sqrt 2)))
        by (field; lra).
      rewrite S. replace (sqrt 2 * (2 * / 2)) with (sqrt 2) by field. lra.
Qed.
